"""What figures are drawn with: colours, markers, layout, and the gallery of estimators."""
