from pathlib import Path
from types import ModuleType

import pytest


@pytest.mark.warp
@pytest.mark.slow
def test_kernels_compile_for_a_gpu_without_one(tmp_path: Path) -> None:
    """Warp brings NVIDIA's compiler, so that what does not compile for a GPU shows on any machine."""
    import warp as wp

    from egorear_synth.gpu import camera_kernels, light_kernels, skin_kernels
    from egorear_synth.gpu.device import open_device

    open_device("cpu")
    modules: tuple[ModuleType, ...] = (camera_kernels, light_kernels, skin_kernels)
    for module in modules:
        folder = tmp_path / module.__name__
        folder.mkdir()
        wp.compile_aot_module(module, arch=80, module_dir=folder, use_ptx=True)
        (ptx,) = folder.glob("*.ptx")
        text = ptx.read_text()
        assert ".target sm_80" in text
        for name in vars(module):
            if isinstance(getattr(module, name), wp.Kernel) and getattr(module, name).module.name == module.__name__:
                assert f"{name}_" in text
