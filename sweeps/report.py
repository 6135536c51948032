"""Write a report again: python sweeps/report.py results/digits. It is `bs-study report`, with its flags."""

if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # silent, for the moment until the command handles it

    import sys
    from importlib.util import find_spec

    if find_spec("bs_study") is None:
        print("error: bs_study is not installed. Run: pip install -e .", file=sys.stderr)
        sys.exit(2)
    from bs_study.cli.main import begin
    from bs_study.door import SCRIPTS

    begin(["report", *sys.argv[1:]], door=SCRIPTS)
