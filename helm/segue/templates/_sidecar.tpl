{{- /*
Segue beside another container, in a pod of the chart that has this one as a dependency with `mode: sidecar`:

  initContainers: {{ include "segue.sidecar" .Subcharts.segue | nindent 8 }}
  volumes:        {{ include "segue.volumes" .Subcharts.segue | nindent 8 }}

An init container that restarts (Kubernetes 1.29) starts before the others and stops after them. Nothing outside the pod
reaches loopback, the kubelet included, so the probes run inside the container. The pod's grace period is the calling
chart's: it has to be longer than the drain settings.
*/}}
{{- define "segue.sidecar" -}}
{{- $container := include "segue.container" . | fromYaml -}}
{{- $url := printf "http://127.0.0.1:%v" .Values.config.http.port -}}
{{- $ask := list "python3" "-c" "import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=2)" -}}
{{- $ready := dict "exec" (dict "command" (append $ask (printf "%s/readyz" $url))) -}}
{{- $alive := dict "exec" (dict "command" (append $ask (printf "%s/livez" $url))) -}}
{{- $_ := set $container "restartPolicy" "Always" -}}
{{- $_ := set $container "startupProbe" (merge (deepCopy $ready) .Values.probes.startup) -}}
{{- $_ := set $container "livenessProbe" (merge $alive .Values.probes.liveness) -}}
{{- $_ := set $container "readinessProbe" (merge $ready .Values.probes.readiness) -}}
{{- toYaml (list $container) }}
{{- end }}
