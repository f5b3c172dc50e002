"""Turn a report into text. Each reporter offers `render(report, ...)` and sees nothing deeper."""
