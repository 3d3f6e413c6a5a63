"""The room watch: a live run or a log → findings, alarms."""
