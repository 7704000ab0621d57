"""Add numbers up by species."""

import sys

from helper import key
from pyspark.sql import SparkSession

spark = SparkSession.builder.appName("count").getOrCreate()
table = spark.read.csv(sys.argv[1], header=True, inferSchema=True)
counted = table.rdd.map(key).reduceByKey(lambda a, b: a + b).toDF(["species", "total"])
counted.coalesce(1).write.csv(sys.argv[2], header=True)
print("colour", spark.conf.get("spark.test.colour"), sorted(map(tuple, counted.collect())))
spark.stop()
