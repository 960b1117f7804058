"""The tuned arms over several tasks: scores, tests over tasks, a table and figures."""
