"""`python -m analyzer LOG_DIR` is `tb-nan analyze LOG_DIR`."""

from __future__ import annotations

from analyzer.cli import main

if __name__ == "__main__":
    main(prog_name="python -m analyzer")
