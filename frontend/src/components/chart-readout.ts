import { html, nothing, type TemplateResult } from 'lit';
import { figure, step } from '../figure';
import { kindOf } from '../plotdata';
import type { Series } from '../report';

/** One bin in words; `latest` says that nobody pointed at it. */
export function readout(series: Series, bin: number | null, latest: boolean): TemplateResult | typeof nothing {
  if (bin === null) return nothing;
  const [from, to] = [series.step[bin]!, series.step_end[bin]!];
  const last = series.last[bin] ?? null;
  const several = from !== to;
  return html`<span class="muted">${latest ? 'latest, ' : nothing}${several ? `steps ${step(from)} to ${step(to)}` : `step ${step(from)}`}</span>
    <strong class=${kindOf(last) ? 'bad' : ''}>${figure(last)}</strong>
    ${several ? html`${finite(series, bin)} ${nonfinite(series, bin)}` : nothing}`;
}

function finite(series: Series, bin: number): TemplateResult | typeof nothing {
  const [low, high] = [series.min[bin] ?? null, series.max[bin] ?? null];
  return low === null || high === null ? nothing : html`<span class="muted">min ${figure(low)}, max ${figure(high)}</span>`;
}

function nonfinite(series: Series, bin: number): TemplateResult | typeof nothing {
  const parts = [`${series.nan[bin]} NaN`, `${series.posinf[bin]} +Inf`, `${series.neginf[bin]} -Inf`].filter((part) => !part.startsWith('0 '));
  return parts.length > 0 ? html`<span class="bad">${parts.join(', ')}</span>` : nothing;
}
