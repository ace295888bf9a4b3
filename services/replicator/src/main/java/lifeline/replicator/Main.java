package lifeline.replicator;

import java.lang.management.ManagementFactory;
import java.util.Set;
import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.apache.kafka.connect.mirror.MirrorMaker;

/**
 * MirrorMaker 2 into the own log, watched: a connector's task that failed ends the process.
 *
 * <p>Connect leaves a failed task failed and the process alive; a task that nobody restarts would stop
 * replication without a sign. Once a minute the numbers go to standard output in CloudWatch's embedded
 * metric format, from which the log group makes metrics.
 */
public final class Main {
    private static final long CYCLE_MS = 5_000;
    private static final int CYCLES_PER_REPORT = 12;
    /** Longer than a peer that is away takes to fail the first look at its topics. */
    private static final long NO_TASK_MS = 300_000;

    private final MBeanServer beans = ManagementFactory.getPlatformMBeanServer();
    private long lastRunning = System.currentTimeMillis();

    public static void main(String[] arguments) {
        if (arguments.length != 1) {
            System.err.println("One argument is needed: the file with MirrorMaker's settings.");
            System.exit(2);
        }
        Thread watch = new Thread(new Main()::watch, "watch");
        watch.setDaemon(true);
        watch.start();
        MirrorMaker.main(new String[] {arguments[0], "--clusters", "own"});
    }

    private void watch() {
        try {
            for (long cycle = 1; ; cycle++) {
                Thread.sleep(CYCLE_MS);
                endIfStopped();
                if (cycle % CYCLES_PER_REPORT == 0) {
                    report();
                }
            }
        } catch (InterruptedException | JMException | RuntimeException error) {
            end("The watch ended: " + error);
        }
    }

    private void endIfStopped() throws JMException {
        boolean running = false;
        for (ObjectName task : named("kafka.connect:type=connector-task-metrics,*")) {
            String status = String.valueOf(beans.getAttribute(task, "status"));
            if ("failed".equals(status)) {
                end("A task failed: " + task.getKeyProperty("connector"));
            }
            running |= "MirrorSourceConnector".equals(task.getKeyProperty("connector")) && "running".equals(status);
        }
        long now = System.currentTimeMillis();
        if (running) {
            lastRunning = now;
        } else if (now - lastRunning > NO_TASK_MS) {
            end("No task has copied anything for " + NO_TASK_MS / 1000 + " s.");
        }
    }

    /** Nothing is reported when nothing is known: missing data is never zero lag. */
    private void report() throws JMException {
        double latency = -1;
        double records = 0;
        for (ObjectName partition : named("kafka.connect.mirror:type=MirrorSourceConnector,*")) {
            double one = number(partition, "replication-latency-ms-max");
            latency = Math.max(latency, Double.isFinite(one) ? one : -1);
            double rate = number(partition, "record-rate");
            records += Double.isFinite(rate) ? rate : 0;
        }
        if (latency < 0) {
            return;
        }
        System.out.printf(
                "{\"_aws\":{\"Timestamp\":%d,\"CloudWatchMetrics\":[{\"Namespace\":\"Lifeline\","
                        + "\"Dimensions\":[[\"Suffix\"]],\"Metrics\":[{\"Name\":\"MirrorLatency\",\"Unit\":\"Milliseconds\"},"
                        + "{\"Name\":\"MirrorRecordsPerSecond\",\"Unit\":\"Count/Second\"}]}]},\"Suffix\":\"%s\","
                        + "\"MirrorLatency\":%.0f,\"MirrorRecordsPerSecond\":%.1f}%n",
                System.currentTimeMillis(), System.getenv("SUFFIX"), latency, records);
    }

    private double number(ObjectName bean, String attribute) throws JMException {
        return beans.getAttribute(bean, attribute) instanceof Number found ? found.doubleValue() : Double.NaN;
    }

    private Set<ObjectName> named(String pattern) throws JMException {
        return beans.queryNames(new ObjectName(pattern), null);
    }

    /** Not exit(): its hooks wait for the very workers that have stopped. */
    private static void end(String why) {
        System.err.println(why + " The service starts another.");
        Runtime.getRuntime().halt(1);
    }
}
