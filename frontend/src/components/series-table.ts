import { html, type TemplateResult } from 'lit';
import { figure, step } from '../figure';
import { extent, plotOf, tally } from '../plotdata';
import type { Series } from '../report';

/** What the charts show, for those who do not see them. */
export function seriesTable(list: readonly Series[]): TemplateResult {
  return html`<div class="unseen"><table>
    <caption>The series of this run</caption>
    <thead>
      <tr>
        ${['Series', 'Steps', 'Smallest', 'Largest', 'Latest', 'NaN', '+Inf', '-Inf', 'First non-finite'].map((name) => html`<th scope="col">${name}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${list.map(row)}
    </tbody>
  </table></div>`;
}

function row(series: Series): TemplateResult {
  const plot = plotOf(series, false);
  const span = extent(plot, -Infinity, Infinity);
  const { nan, posinf, neginf } = tally(plot.marks);
  const first = plot.marks[0];
  return html`<tr>
    <th scope="row">${series.label || series.name}</th>
    <td>${step(series.step[0] ?? null)} to ${step(series.step_end.at(-1) ?? null)}</td>
    <td>${figure(span?.[0] ?? null)}</td>
    <td>${figure(span?.[1] ?? null)}</td>
    <td>${figure(series.last.at(-1) ?? null)}</td>
    <td>${nan}</td>
    <td>${posinf}</td>
    <td>${neginf}</td>
    <td>${first ? `step ${step(first.step)}` : 'none'}</td>
  </tr>`;
}
