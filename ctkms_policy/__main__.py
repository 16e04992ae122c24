"""``python -m ctkms_policy``, also inside a clone."""

from ctkms_policy.cli import entry_point

if __name__ == "__main__":
    entry_point()
