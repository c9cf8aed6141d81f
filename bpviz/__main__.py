"""``python -m bpviz``"""

from bpviz.cli import main

if __name__ == "__main__":
    main()
