"""A real Apache Kafka for one machine: jars from Maven Central, no Docker, no ZooKeeper."""
