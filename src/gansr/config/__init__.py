"""The nouns of the project as typed, validated objects; unknown keys are errors. Imports no torch."""
