"""Images must be what the calibration is for."""

from egorear_ros.config import SourceConfig
from egorear_ros.sources.base import SourceError
from egorear_ros.structures import Rig


class SizeCheck:
    """Compare image sizes with the calibration of a view and with the configured size.

    An image scaled uniformly is fine, because pixels are normalised before they are used; another
    aspect ratio means that it was cropped or stretched, and then the calibration does not hold.

    Args:
        config: `width` and `height` are used; 0 accepts any size of the right aspect ratio.
        rig: the calibrated rig.
        view: one of its views.

    Raises:
        SourceError: the configured size has another aspect ratio than the calibration.
    """

    def __init__(self, config: SourceConfig, rig: Rig, view: str) -> None:
        lens = rig[view].lens
        self._view = view
        self._calibrated = (lens.width, lens.height)
        self._source = rig.source or rig.name
        self._configured = (config.width, config.height)
        self.width = config.width or lens.width
        self.height = config.height or lens.height
        if not self.fits(self.width, self.height):
            raise SourceError(
                f"{view}: source.width x source.height is {self.width}x{self.height} px but {self._source} calibrates "
                f"{lens.width}x{lens.height}, another aspect ratio. Set both to 0, or to that size scaled."
            )

    def check(self, width: int, height: int, what: str) -> None:
        """Raise SourceError if an image of this size does not fit the calibration.

        Args:
            width: of the image, px.
            height: of the image, px.
            what: names the image in errors.
        """
        for name, asked, got in zip(("width", "height"), self._configured, (width, height), strict=True):
            if asked and asked != got:
                raise SourceError(
                    f"{self._view}: {what} is {width}x{height} px but source.{name} asks for {asked}. "
                    f"Correct source.{name}, or set it to 0 to accept the image's own size."
                )
        if not self.fits(width, height):
            calibrated = "x".join(map(str, self._calibrated))
            raise SourceError(
                f"{self._view}: {what} is {width}x{height} px but {self._source} calibrates {calibrated}, another "
                f"aspect ratio, so it was cropped or stretched. Use images of {calibrated} px or a scaled version, "
                "or recalibrate this view."
            )

    def fits(self, width: int, height: int) -> bool:
        """Whether a size has the calibrated aspect ratio, up to rounding to whole pixels."""
        full_width, full_height = self._calibrated
        return abs(width * full_height - height * full_width) <= 0.5 * max(full_width, full_height)
