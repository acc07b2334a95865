"""Statistics that stages share: counts of cells, figures of classifiers and regressors, resampling, paired comparison."""
