"""Tables, figures and provenance.json from the files of a run."""
