"""A folder of images: one view's, or one sub-folder per view."""

from pathlib import Path

from egorear_ros.sources.base import SourceError
from egorear_ros.sources.folder import FolderSource, list_images, name_some, natural_order, view_folder


class ImagesSource(FolderSource):
    """Play a folder of images in the order of their names.

    `path` is one of

    - a folder with a sub-folder `<view>` or `camera_<view>` for each view,
    - a path with `{view}` in it, which stands for the view's name,
    - a folder of images of this view alone.

    In the first two cases images of one moment have the same name in all views.
    """

    def find(self) -> tuple[Path, list[tuple[str, Path | None]]]:
        """Return the view's folder and files; see `FolderSource.find`."""
        folders = self._folders()
        folder = folders[self._view]
        own = list_images(folder)
        if not own:
            found = name_some(sorted(path.name for path in folder.iterdir()))
            raise SourceError(f"{self._view}: no .jpg or .png image in {folder}; it has: {found}. Correct source.path.")
        others = {stem for view, other in folders.items() if view != self._view for stem in list_images(other)}
        if others and others.isdisjoint(own):
            raise SourceError(
                f"{self._view}: no image in {folder} has the name of another view's image, for example "
                f"{name_some(natural_order(own), 1)} here and {name_some(natural_order(others), 1)} there. "
                "Give the images of one moment the same name in all views' folders."
            )
        return folder, [(stem, own.get(stem)) for stem in natural_order(others | set(own))]

    def _folders(self) -> dict[str, Path]:
        """Return the folder of each view that has one; of this view at least."""
        path = self._config.path
        if not path:
            raise SourceError(f"{self._view}: source.path is empty; expected a folder of images.")
        parent = Path(path).expanduser()
        folders: dict[str, Path]
        if "{view}" in path:
            named = {view: Path(path.replace("{view}", view)).expanduser() for view in self._rig.views}
            folders = {view: folder for view, folder in named.items() if folder.is_dir()}
            parent = named[self._view]
        else:
            found = {view: view_folder(parent, view) for view in self._rig.views}
            folders = {view: folder for view, folder in found.items() if folder is not None}
        if self._view in folders:
            return folders
        if not parent.is_dir():
            raise SourceError(f"{self._view}: there is no folder {parent}. Correct source.path.")
        if folders:
            raise SourceError(
                f"{self._view}: {parent} has folders for {', '.join(folders)} but none named {self._view} or "
                f"camera_{self._view}. Add it, or choose a rig without this view (calib)."
            )
        return {self._view: parent}
