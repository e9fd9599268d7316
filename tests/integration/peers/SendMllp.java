import ca.uhn.hl7v2.DefaultHapiContext;
import ca.uhn.hl7v2.model.Message;
import ca.uhn.hl7v2.parser.GenericParser;
import ca.uhn.hl7v2.util.Terser;
import ca.uhn.hl7v2.validation.impl.ValidationContextFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** HAPI's HL7 v2 client: sends each file over one connection, over TLS with -Dtls=true and the stores of the usual properties;
 * prints MSA-1, MSA-2 and the reply's event, as HAPI reads them. */
public class SendMllp {
    public static void main(String[] arguments) throws Exception {
        try (var context = new DefaultHapiContext()) {
            context.setValidationContext(ValidationContextFactory.noValidation());
            var connection = context.newClient("127.0.0.1", Integer.parseInt(arguments[0]), Boolean.getBoolean("tls"));
            var parser = new GenericParser(context);
            for (int i = 1; i < arguments.length; i++) {
                Message sent = parser.parse(Files.readString(Path.of(arguments[i]), StandardCharsets.UTF_8));
                var reply = new Terser(connection.getInitiator().sendAndReceive(sent));
                System.out.println(reply.get("/MSA-1") + "\t" + reply.get("/MSA-2") + "\t" + reply.get("/MSH-9-1"));
            }
            connection.close();
        }
        System.exit(0);
    }
}
