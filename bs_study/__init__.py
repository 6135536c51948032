"""Which batch size and learning rate should I train with, on this hardware, and how sure is that?"""

from bs_study.config import StudyConfig, TrialConfig
from bs_study.store import Study, open_study
from bs_study.target import Target
from bs_study.version import __version__

__all__ = ["Study", "StudyConfig", "Target", "TrialConfig", "__version__", "open_study"]
