"""SageMaker's built-in algorithms, as adapters over scikit-learn and its like."""
