"""Experiment trackers: TensorBoard, Weights & Biases and MLflow are told of each trial as it runs, and of the answer.

They hear of it in a thread of the driver, so that no trial waits for a tracker that is slow or fails; the store remains
what counts.
"""
