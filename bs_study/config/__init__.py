"""Every choice that a user can make: what a study asks, what a trial trains, where and how they run."""

from bs_study.config.launch import LaunchOptions
from bs_study.config.refusal import one_line
from bs_study.config.settings import BUDGETS, TrialSettings
from bs_study.config.study import StudyConfig
from bs_study.config.trial import TrialConfig

__all__ = ["BUDGETS", "LaunchOptions", "StudyConfig", "TrialConfig", "TrialSettings", "one_line"]
