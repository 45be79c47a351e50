"""The process of one party: python -m hepy.demos.joint_modeling bank|partner FOLDER, as parties.py starts it."""

import sys
from pathlib import Path

from hepy.demos.joint_modeling import party

if len(sys.argv) != 3 or sys.argv[1] not in ("bank", "partner"):
    sys.exit("usage: python -m hepy.demos.joint_modeling bank|partner FOLDER (`hepy demo` starts both)")
sys.exit(party.main(sys.argv[1], Path(sys.argv[2])))
