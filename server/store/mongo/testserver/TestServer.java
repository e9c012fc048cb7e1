import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.net.InetSocketAddress;
import java.util.List;

/**
 * Speaks MongoDB's protocol on the loopback address, from memory, until its standard input ends: whoever started it has then ended too,
 * so it never outlives a test. It prints its port. The argument is the port that it shall have; without one it takes a free one.
 */
public final class TestServer {
  /** The server's own newest version says less than today's driver asks for; the commands that the store sends are those of 4.4. */
  private static final MongoVersion VERSION = new MongoVersion() {
    @Override
    public List<Integer> getVersionArray() {
      return List.of(4, 4, 0);
    }

    @Override
    public int getWireVersion() {
      return 9;
    }
  };

  public static void main(String[] arguments) throws Exception {
    int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 0;
    MongoServer server = new MongoServer(new MemoryBackend().version(VERSION));
    server.bind(new InetSocketAddress("127.0.0.1", port));
    System.out.println(server.getLocalAddress().getPort());
    while (System.in.read() >= 0) {
      // nothing is asked of it
    }
    server.shutdownNow();
    System.exit(0);
  }
}
