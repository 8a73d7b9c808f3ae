"""python3 scripts/oracle FOLDER [FAMILY …]: writes the cases of the families (all of them if none is named)."""
import importlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
FAMILIES = ("networks", "training", "text", "tokenizers_", "evaluators", "metrics", "features", "dataset")

if __name__ == "__main__":
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for family in sys.argv[2:] or FAMILIES:
        importlib.import_module(family).generate(folder)
