"""The twenty problems, two to a file; an answer's lines are counted by its folder, so nothing else lies here."""
