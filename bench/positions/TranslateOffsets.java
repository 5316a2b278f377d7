import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.mirror.RemoteClusterUtils;

/**
 * Translates the offsets of a group as a Java service would, again and again, and writes for each call: milliseconds, how many
 * partitions there were, and the sum of their offsets.
 *
 * Arguments: brokers of the target, alias of the source, group, number of calls, file to write.
 */
public final class TranslateOffsets {
  public static void main(String[] arguments) throws Exception {
    Map<String, Object> properties = new HashMap<>();
    properties.put("bootstrap.servers", arguments[0]);
    int calls = Integer.parseInt(arguments[3]);
    StringBuilder lines = new StringBuilder();
    for (int call = 0; call < calls; call += 1) {
      long startedAt = System.nanoTime();
      Map<TopicPartition, OffsetAndMetadata> offsets =
          RemoteClusterUtils.translateOffsets(properties, arguments[1], arguments[2], Duration.ofMinutes(1));
      double milliseconds = (System.nanoTime() - startedAt) / 1e6;
      long sum = offsets.values().stream().mapToLong(OffsetAndMetadata::offset).sum();
      lines.append(milliseconds).append(' ').append(offsets.size()).append(' ').append(sum).append('\n');
    }
    Files.writeString(Path.of(arguments[4]), lines);
  }
}
