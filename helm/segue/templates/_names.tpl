{{- define "segue.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "segue.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 58 | trimSuffix "-" }}
{{- else if contains (include "segue.name" .) .Release.Name }}
{{- .Release.Name | trunc 58 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "segue.name" .) | trunc 58 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "segue.selector" -}}
app.kubernetes.io/name: {{ include "segue.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "segue.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "segue.selector" . }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "segue.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "segue.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* The seconds the program takes to stop, and a margin: the pod's grace must not be shorter. */}}
{{- define "segue.checkGrace" -}}
{{- $drain := .Values.config.drain }}
{{- $needed := addf (float64 $drain.delay_s) (float64 $drain.silence_s) (float64 $drain.grace_s) 5.0 | ceil | int }}
{{- if lt (int .Values.terminationGracePeriodSeconds) $needed }}
{{- fail (printf "terminationGracePeriodSeconds is %d and the drain settings need %d" (int .Values.terminationGracePeriodSeconds) $needed) }}
{{- end }}
{{- end }}

{{- /* "file" for a journal in a file, which has one writer and a volume that stays; "" for any other. */}}
{{- define "segue.journalKind" -}}
{{- $url := dig "journal" "url" "" .Values.config | default "" -}}
{{- if and $url (not (hasPrefix "postgresql" $url)) }}file{{ end }}
{{- end }}

{{- define "segue.checkJournal" -}}
{{- if eq (include "segue.journalKind" .) "file" }}
{{- if gt (int .Values.replicas) 1 }}
{{- fail "config.journal.url is a file: replicas has to be 1, or the journal PostgreSQL" }}
{{- end }}
{{- if not (and .Values.data.enabled .Values.data.existingClaim) }}
{{- fail "config.journal.url is a file: it needs data.enabled and data.existingClaim, or it is gone with the pod" }}
{{- end }}
{{- end }}
{{- end }}
