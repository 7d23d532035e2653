"""Packets as Avro, by an encoder of our own that runs in Spark's Java.

Spark's `to_avro` first makes an Avro object of every value, and then looks up for each of them which branch of the
schema it belongs to; that was the largest part of publishing. `AvroEncoder.java` writes the same bytes straight from
Spark's rows. The compiler that Spark brings makes a jar of it on first use, so that no other is needed; the jar holds
`LakeFiles.java` too, which looks at the files of lakes (see `alertferry.core.spark_files`).
"""
