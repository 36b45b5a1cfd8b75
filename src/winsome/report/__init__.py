"""Pages: what a run says, as report.html and report.json; figures come from `winsome.standings`."""
