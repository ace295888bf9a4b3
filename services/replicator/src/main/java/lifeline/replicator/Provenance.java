package lifeline.replicator;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Says of each copied record which log it was read from, and never copies one back to where it began.
 *
 * <p>Topics have the same names in both directions: without this two replicators copy for ever (rule
 * B16). A record is dropped only if its provenance is the target's own incarnation: a log that was
 * built anew has another one and gets its old records back. Everything else of the record, the
 * partition, the time and the other headers, stays as it is.
 *
 * <p>Kafka's own InsertHeader and Filter cannot do it: MirrorMaker carries headers as bytes, where a
 * text of InsertHeader is refused, and Filter looks at a header's name, not at its value.
 */
public final class Provenance implements Transformation<SourceRecord> {
    /** The header; its value is the incarnation of the log that the record was read from. */
    static final String HEADER = "replicated-from";

    private byte[] source;
    private byte[] target;

    @Override
    public void configure(Map<String, ?> settings) {
        source = required(settings, "source.log");
        target = required(settings, "target.log");
        if (Arrays.equals(source, target)) {
            throw new ConfigException("source.log and target.log are the same log: " + settings.get("source.log"));
        }
    }

    @Override
    public SourceRecord apply(SourceRecord record) {
        for (Header header : record.headers()) {
            if (HEADER.equals(header.key()) && Arrays.equals(bytes(header.value()), target)) {
                return null;
            }
        }
        record.headers().addBytes(HEADER, source);
        return record;
    }

    @Override
    public ConfigDef config() {
        return new ConfigDef()
                .define("source.log", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "The log that is read.")
                .define("target.log", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "The log that is written.");
    }

    @Override
    public void close() {}

    private static byte[] bytes(Object value) {
        return value instanceof byte[] found ? found : new byte[0];
    }

    private static byte[] required(Map<String, ?> settings, String name) {
        Object value = settings.get(name);
        if (value == null || value.toString().isBlank()) {
            throw new ConfigException(name + " is required: the incarnation of a log.");
        }
        return value.toString().getBytes(StandardCharsets.UTF_8);
    }
}
