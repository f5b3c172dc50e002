import { html, type TemplateResult } from 'lit';
import type { Severity, Status } from '../report';
import { SEVERITY, STATUS } from '../wording';

export function statusBadge(status: Status): TemplateResult {
  return html`<span class="badge ${status}" data-testid="status-badge">${STATUS[status]?.label ?? status}</span>`;
}

export function severityBadge(severity: Severity): TemplateResult {
  return html`<span class="badge ${severity}">${SEVERITY[severity] ?? severity}</span>`;
}
