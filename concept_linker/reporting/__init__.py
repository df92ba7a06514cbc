"""What both evaluations share: charts, intervals and paired tests."""
