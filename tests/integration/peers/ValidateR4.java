import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport.IssueSeverity;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.SingleValidationMessage;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/** HL7's own validation of every JSON file of a folder against R4 and the definitions of a second one, offline: one JSON
 * line an issue on standard output. */
public class ValidateR4 {
    public static void main(String[] arguments) throws Exception {
        var context = FhirContext.forR4();
        var unknown = new UnknownCodeSystemWarningValidationSupport(context); // LOINC, SNOMED CT: in no package
        unknown.setNonExistentCodeSystemSeverity(IssueSeverity.INFORMATION);
        var own = new PrePopulatedValidationSupport(context);
        for (Path file : files(arguments[1])) {
            own.addStructureDefinition(context.newJsonParser().parseResource(Files.readString(file)));
        }
        var module = new FhirInstanceValidator(new ValidationSupportChain(
                new DefaultProfileValidationSupport(context), own, new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context), new SnapshotGeneratingValidationSupport(context),
                unknown));
        module.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
        FhirValidator validator = context.newValidator().registerValidatorModule(module);
        var json = new ObjectMapper();
        for (Path file : files(arguments[0])) {
            for (SingleValidationMessage message : validator.validateWithResult(Files.readString(file)).getMessages()) {
                System.out.println(json.writeValueAsString(Map.of(
                        "file", file.getFileName().toString(), "severity", message.getSeverity().getCode(),
                        "at", "" + message.getLocationString(), "id", "" + message.getMessageId(),
                        "text", "" + message.getMessage())));
            }
        }
    }

    private static List<Path> files(String folder) throws IOException {
        try (var walk = Files.walk(Path.of(folder))) {
            return walk.filter(path -> path.toString().endsWith(".json")).sorted().toList();
        }
    }
}
