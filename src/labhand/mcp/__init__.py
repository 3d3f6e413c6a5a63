"""The face for a coding agent: labhand's verbs as tools, by the Model Context Protocol over stdio."""
