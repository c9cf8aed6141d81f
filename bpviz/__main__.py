"""``python -m bpviz``"""

import os
import sys

import bpviz

if __name__ == "__main__":
    # Python puts the working directory first in the path; a file in it, such as yaml.py, must not be imported.
    if not sys.flags.safe_path and sys.path[0] != os.path.dirname(bpviz.__path__[0]):  # noqa: PTH120  imports pathlib
        del sys.path[0]
    from bpviz.cli import main

    main()
