"""Which batch size and learning rate should I train with, on this hardware, and how sure is that?"""

from bs_study.config import StudyConfig, TrialConfig
from bs_study.store import Study, open_study
from bs_study.target import Target

__all__ = ["Study", "StudyConfig", "Target", "TrialConfig", "open_study"]
__version__ = "0.1.0"
