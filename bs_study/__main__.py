"""The command by its module: ``python -m bs_study run``."""

if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # silent, for the moment until the command handles it

    import sys

    from bs_study.cli.main import begin
    from bs_study.door import AS_MODULE

    begin(sys.argv[1:], door=AS_MODULE)
