"""How a workload is trained: torch, never ray."""
