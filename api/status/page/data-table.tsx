/** A table that scrolls on its own where it is too wide, with keys, too. */
import type { ComponentChildren } from 'preact'

export interface Column {
  name: string
  class?: string
  /** For a mouse that rests on it. */
  title?: string
  /** Only read aloud: what is below speaks for itself. */
  isUnseen?: true
}

export interface DataTableProps {
  caption: string
  columns: readonly (string | Column)[]
  class?: string
  /** Rows. */
  children: ComponentChildren
}

export function DataTable({ caption, columns, class: name, children }: DataTableProps) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={caption}>
      <table class={name}>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>{columns.map((column, index) => headOf(column, index))}</tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}

function headOf(column: string | Column, index: number) {
  const { name, isUnseen, ...rest }: Column = typeof column === 'string' ? { name: column } : column
  return (
    <th key={index} scope="col" {...rest}>
      {isUnseen ? <span class="unseen">{name}</span> : name}
    </th>
  )
}
