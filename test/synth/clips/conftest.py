import sys
from pathlib import Path

# `skeletons` is a helper of these tests, not a package.
sys.path.insert(0, str(Path(__file__).parent))
