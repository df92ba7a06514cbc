"""``python -m concept_linker``: the command line."""

from concept_linker.cli import main

if __name__ == "__main__":
    main()
