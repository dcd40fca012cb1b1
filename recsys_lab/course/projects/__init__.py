"""What is behind `recsys-lab project`: the cut and the rubric of each project, the process that runs a learner's code."""
