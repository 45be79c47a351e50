"""Two companies train one model on columns that neither shows the other: docs/demo.md tells what happens."""

from hepy.demos.joint_modeling.demo import ENCRYPTED_TREES as ENCRYPTED_TREES
from hepy.demos.joint_modeling.demo import TREES as TREES
from hepy.demos.joint_modeling.demo import Outcome as Outcome
from hepy.demos.joint_modeling.demo import run as run

__all__ = ["ENCRYPTED_TREES", "TREES", "Outcome", "run"]
