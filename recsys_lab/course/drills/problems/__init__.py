"""The twenty problems. An answer's lines are counted by its folder, so nothing else lies here."""
