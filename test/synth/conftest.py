import pytest

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import Rig
from egorear_synth.body import Body, make_body
from egorear_synth.phenotype import Phenotype
from egorear_synth.wearer import Wearer, make_wearer


@pytest.fixture(scope="session")
def rig() -> Rig:
    return load_rig("ego4view_syn")


@pytest.fixture(scope="session")
def wearer(rig: Rig) -> Wearer:
    return make_wearer(rig, seed=5)


@pytest.fixture(scope="session")
def body() -> Body:
    """The average man."""
    return make_body(Phenotype(male=1.0))
