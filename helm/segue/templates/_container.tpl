{{- /* The container and its volumes, the same alone and beside another one. Both take this chart's scope. */}}

{{- /* The settings file. As a sidecar every door is on localhost, whatever the values say. */}}
{{- define "segue.settings" -}}
{{- $settings := deepCopy .Values.config -}}
{{- if eq .Values.mode "sidecar" }}
{{- $local := dict "host" "127.0.0.1" "plaintext" false -}}
{{- $_ := set $settings "http" (mergeOverwrite $settings.http (deepCopy $local)) -}}
{{- range $settings.listeners }}{{ $_ := mergeOverwrite . (deepCopy $local) }}{{ end }}
{{- end }}
{{- toYaml $settings }}
{{- end }}

{{- define "segue.container" -}}
name: segue
{{- if .Values.image.digest }}
image: {{ printf "%s@%s" .Values.image.repository .Values.image.digest | quote }}
{{- else }}
image: {{ printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) | quote }}
{{- end }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/segue/segue.yaml]
{{- with .Values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - {name: http, containerPort: {{ .Values.config.http.port }}, protocol: TCP}
  {{- range $index, $listener := .Values.config.listeners }}
  - {name: {{ printf "mllp-%d" $index }}, containerPort: {{ $listener.port }}, protocol: TCP}
  {{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: segue-config, mountPath: /etc/segue, readOnly: true}
  - {name: segue-tmp, mountPath: /tmp}
  {{- if .Values.data.enabled }}
  - {name: segue-data, mountPath: {{ .Values.data.mountPath | quote }}}
  {{- end }}
  {{- range $index, $mount := .Values.secrets }}
  - {name: {{ printf "segue-secret-%d" $index }}, mountPath: {{ $mount.mountPath | quote }}, readOnly: true}
  {{- end }}
{{- end }}

{{- define "segue.volumes" -}}
- name: segue-config
  configMap: {name: {{ include "segue.fullname" . }}}
- name: segue-tmp
  emptyDir: {}
{{- if .Values.data.enabled }}
- name: segue-data
  {{- if .Values.data.existingClaim }}
  persistentVolumeClaim: {claimName: {{ .Values.data.existingClaim }}}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- range $index, $mount := .Values.secrets }}
- name: {{ printf "segue-secret-%d" $index }}
  secret: {secretName: {{ $mount.secretName }}, defaultMode: 0440}
{{- end }}
{{- end }}
