"""The tuned arms compared over several tasks: scores, tests over tasks, a table and figures."""
