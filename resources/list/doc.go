// Package list has what the lists of the other resource packages have in common:
// the [Params] that choose a page and its order, the [Page] that the API returns,
// and the [Op] with which a package makes its List and All methods.
//
// All walks over a list page by page:
//
//	for span, err := range api.Spans.All(ctx, spans.ListParams{AgentInstanceID: run.ID}) {
//		if err != nil {
//			return err
//		}
//		fmt.Println(span.SchemaName, span.Status)
//	}
package list
